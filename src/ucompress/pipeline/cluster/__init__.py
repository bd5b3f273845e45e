"""Work on a Dask cluster. Dask is loaded by `DaskExecutor` when one is made, and by nothing else."""
