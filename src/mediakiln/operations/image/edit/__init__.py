"""Operations that make one image of another: each an `Edit` and the operation around it."""
