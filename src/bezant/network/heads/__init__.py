"""Heads: from a row's K vectors to what is predicted. One file each, the same contract.

A head owns the shape of its output, its loss, and how the members' answers become one:

``forward(x)``
    (K, B, W) to the members' raw outputs: (B, K), or (B, K, T) of a head with T answers a row.
``loss(output, target, weight)``
    Mean of the members' losses: each member is trained for itself, or they would not differ.
``predict(output)``
    One answer a row, (B,) or (B, T): the mean of the members' answers.
``start_at(mean)``
    Begin at the training mean; a head whose target has several columns takes the target itself.
``judge(prediction, target, weight)``
    The loss of that one answer; what early stopping looks at.
"""
