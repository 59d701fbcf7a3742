"""Operations that an operator configures."""
