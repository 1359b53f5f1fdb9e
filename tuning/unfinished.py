"""A sweep that did not end, as what is left of it says."""

import json
from pathlib import Path

from data_utils.errors import InputError, told_of
from data_utils.file_access import exists, fetched
from data_utils.places import basename, endpoint_and_region, is_s3, parent, shown, under
from tuning.config import Sweep, load_sweep
from tuning.ending import ENDING, read_ending
from tuning.files import drop_parts
from tuning.remains import JOURNAL
from tuning.remote import place_given, reading
from tuning.sweep_file import SWEEP_FILE


def unfinished(run: str) -> Sweep | None:
    """Return the sweep of a folder, or of an s3 address, to go on with; None if it has ended well.

    What is at S3 goes on at the server that it was found at, wherever it was begun.

    Raises:
        InputError: it is no sweep, or cannot be read.
    """
    place = place_given(run)
    if not is_s3(place):
        place = str(Path(place).resolve())
    file = under(place, SWEEP_FILE)
    with reading(place):
        if not exists(file):
            raise InputError(run, [f"holds no {SWEEP_FILE}; give the folder of a sweep"])
        if exists(under(place, ENDING)):
            with fetched(under(place, ENDING)) as ended, told_of(shown(place), copy=str(ended.parent)):
                read_ending(ended.parent)  # which may say that the file is none of ours
            if not exists(under(place, JOURNAL)):
                if not is_s3(place):
                    drop_parts(Path(place))
                return None
        name = basename(place)
        given = {"storage": shown(parent(place)), "name": name}
        endpoint, region = endpoint_and_region(place)
        server = [f"s3={json.dumps({'endpoint': endpoint, 'region': region})}"] if is_s3(place) else []
        with fetched(file) as copy, told_of(shown(file), copy=str(copy)):
            return load_sweep(copy, server, given)
