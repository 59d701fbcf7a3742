"""Native addresses of images: `/i/{options}/{asset}[.ext]`."""
