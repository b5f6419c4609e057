"""Heads: from a row's K vectors to what is predicted. One file each, the same contract.

A head owns the shape of its output, its loss, and how the members' answers become one:

``forward(x)``
    (K, B, W) to the members' raw outputs (B, K).
``loss(output, target, weight)``
    Mean of the members' losses: each member is trained for itself, or they would not differ.
``predict(output)``
    One answer a row (B,): the mean of the members' answers.
``judge(prediction, target, weight)``
    The loss of that one answer; what early stopping looks at.
"""
