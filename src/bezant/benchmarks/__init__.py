"""Measurements that anyone can repeat: real data, the strongest peers, the same rows, one command."""
