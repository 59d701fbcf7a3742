"""The one FFmpeg demuxer that may open each media type."""

from mediakiln.model.errors import UnsupportedMedia

# Names as `ffmpeg -demuxers` lists them. Demuxers that follow references to other files or
# hosts (hls, dash, concat, imf, image2, sdp, rtsp, vobsub) are absent on purpose.
_VIDEO = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/x-m4v": "mov",
    "video/3gpp": "mov",
    "video/3gpp2": "mov",
    "video/mj2": "mov",
    "video/webm": "matroska",
    "video/matroska": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/avi": "avi",
    "video/vnd.avi": "avi",
    "video/mp2t": "mpegts",
    "video/mpeg": "mpeg",
    "video/ogg": "ogg",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "asf",
    "video/x-ms-asf": "asf",
    "application/mxf": "mxf",
    "video/dv": "dv",
    "video/x-yuv4mpeg": "yuv4mpegpipe",
}
_AUDIO = {
    "audio/mpeg": "mp3",
    "audio/mp4": "mov",
    "audio/x-m4a": "mov",
    "audio/3gpp": "mov",
    "audio/3gpp2": "mov",
    "audio/aac": "aac",
    "audio/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/vnd.wave": "wav",
    "audio/aiff": "aiff",
    "audio/x-aiff": "aiff",
    "audio/webm": "matroska",
    "audio/matroska": "matroska",
    "audio/x-matroska": "matroska",
    "audio/ac3": "ac3",
    "audio/eac3": "eac3",
    "audio/amr": "amr",
    "audio/amr-wb": "amr",
    "audio/basic": "au",
    "audio/x-caf": "caf",
    "audio/x-ms-wma": "asf",
    "audio/x-ape": "ape",
    "audio/x-wavpack": "wv",
}
_DEMUXERS = _VIDEO | _AUDIO

VIDEO_TYPES = tuple(sorted(_VIDEO))
AUDIO_TYPES = tuple(sorted(_AUDIO))


def demuxer(media_type: str) -> str:
    """The demuxer's name.

    Raises:
        UnsupportedMedia: none is known for the media type.
    """
    try:
        return _DEMUXERS[media_type]
    except KeyError:
        raise UnsupportedMedia(
            f"no demuxer is known for {media_type}", allowed=sorted(_DEMUXERS)
        ) from None
