"""The recogniser that asks Amazon Rekognition."""

from mediakiln.adapters.recogniser.rekognition.recogniser import RekognitionRecogniser

__all__ = ["RekognitionRecogniser"]
