"""What others wrote for IIIF: the project's own validator, and OpenSeadragon. Nothing runs."""

from toolkit import Place, npm, pip

PROCESSES = ()
_VALIDATOR = "1.0.5"
_VIEWER = "6.1.1"


def up(_place: Place) -> dict[str, str]:
    """Fetch them; tests run the one and serve the other."""
    package = npm(f"openseadragon-{_VIEWER}", f"openseadragon@{_VIEWER}")
    scripts = package / "node_modules" / "openseadragon" / "build" / "openseadragon"
    return {
        "MEDIAKILN_TEST_IIIF": str(
            pip(f"iiif-validator-{_VALIDATOR}", f"iiif-validator=={_VALIDATOR}")
        ),
        "MEDIAKILN_TEST_OPENSEADRAGON": str(scripts / "openseadragon.min.js"),
    }
