"""Sweeps on SLURM: an array of jobs, and the files that the jobs write.

launcher.py   hydra/launcher=submitit_slurm: submits, then looks at the files and the queue
batch.py      sbatch: its options, the script, what of it is kept in the sweep's folder
queue.py      squeue, scontrol: which jobs there are; no accounting is needed
job.py        what runs on a node
"""
