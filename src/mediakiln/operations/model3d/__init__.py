"""Operations on 3D models, by trimesh."""
