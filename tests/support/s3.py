"""Amazon's own client, at the S3 front of a site."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiobotocore.session import AioSession
from botocore.config import Config
from botocore.exceptions import ClientError

from mediakiln.stages.access.s3 import credentials
from support.site import Site

OWNER_KEY = "mk_owner_of_everything"
MIB = 1 << 20
SESSION = AioSession()  # reads its descriptions of services once


@asynccontextmanager
async def client_of(site: Site, key: str, **options: Any) -> AsyncIterator[Any]:
    """A client that signs with a key of ours."""
    id, secret = credentials(key)
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        retries={"max_attempts": 0},
        **options,
    )
    async with SESSION.create_client(
        "s3",
        endpoint_url=f"{site.url}/s3",
        region_name="us-east-1",
        aws_access_key_id=id,
        aws_secret_access_key=secret,
        config=config,
    ) as client:
        yield client


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


async def read(client: Any, key: str, bucket: str = "input", **more: Any) -> bytes:
    answer = await client.get_object(Bucket=bucket, Key=key, **more)
    async with answer["Body"] as body:
        data: bytes = await body.read()
        return data


async def keys(client: Any, bucket: str = "input", **more: Any) -> tuple[list[str], list[str]]:
    """Every key and group of a list, page by page."""
    found: list[str] = []
    groups: list[str] = []
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, **more)
    async for page in pages:
        found += [item["Key"] for item in page.get("Contents", ())]
        groups += [item["Prefix"] for item in page.get("CommonPrefixes", ())]
    return found, groups
