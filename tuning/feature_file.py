"""Features of images as Parquet, written while they are computed: a folder may be larger than memory."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tuning.files import aside


def write_features(
    path: Path,
    paths: Sequence[str],
    labels: Sequence[str],
    batches: Iterable[npt.NDArray[np.float32]],
    about: dict[str, str],
) -> None:
    """Write a row an image: `path`, `label`, and `features`, a list of always as many float32 numbers.

    Args:
        paths, labels: of each image.
        batches: (n, numbers) of the images in their order, at least one batch.
        about: kept in the file's own metadata.

    Raises:
        OSError: the file cannot be written.
    """
    writer: pq.ParquetWriter | None = None
    done = 0
    with aside(path) as part:
        try:
            for batch in batches:
                rows = slice(done, done + len(batch))
                numbers = pa.FixedSizeListArray.from_arrays(pa.array(batch.ravel()), batch.shape[1])
                table = pa.table(
                    {"path": pa.array(paths[rows]), "label": pa.array(labels[rows]), "features": numbers},
                    metadata=about,
                )
                writer = writer or pq.ParquetWriter(part, table.schema)
                writer.write_table(table)
                done = rows.stop
        finally:
            if writer:
                writer.close()
