"""What the Predict page shows of a model: answers, the words behind them, and tables of answers.

Texts of users are escaped.
"""
