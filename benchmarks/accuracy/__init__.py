"""How much of the teacher's accuracy the student keeps, step by step."""
