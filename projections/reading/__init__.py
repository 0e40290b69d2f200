"""What may be asked: subjects, lists, boards, and the condition of the store."""
