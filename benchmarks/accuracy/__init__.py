"""The student's accuracy, step by step."""
