"""Networks and how they train; the learner is plain PyTorch, and only the adapters know Ray."""
