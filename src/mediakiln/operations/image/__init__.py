"""Operations on images, by libvips."""
