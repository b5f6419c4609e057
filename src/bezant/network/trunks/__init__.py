"""Trunks: from a row's vector to the vectors a head reads. One file each, the same contract.

A trunk takes (B, D) and gives (K, B, W): K members, each with a vector of length W for every row.
A plain network has K = 1.
"""
