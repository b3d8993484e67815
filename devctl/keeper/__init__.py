"""The tiny process that holds the instances and their output; standard library only, imports nothing of devctl."""
