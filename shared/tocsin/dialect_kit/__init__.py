"""What dialects are made with: the contract they fulfil, and what they would otherwise each write again."""
