"""`python -m models.training.prepare PHOTOS OUT`: shards of aligned faces from a folder of photos.

In the order of the work:

    outcomes     the words: why a face is dropped, what is kept of one
    photos       which photos there are, and their pixels
    landmarker   MediaPipe's landmarks for single pictures
    crops        the aligned crop, and what speaks against a face
    alike        whether a face was seen before
    examine      one photo -> what became of each of its faces
    workers      processes that examine; one may crash without an end of the run
    ledger       what is done so far, on disk, so that a run can be stopped and taken up again
    packing      shards, sources.json, photos.csv, report.json and the two contact sheets

Photos are examined in any order by several processes and packed in the order of their names by the
first, so the same photos give the same shards.
"""
