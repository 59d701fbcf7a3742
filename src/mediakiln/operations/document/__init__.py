"""Operations on documents."""
