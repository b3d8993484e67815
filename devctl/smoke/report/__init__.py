"""What is left of a smoke run: JUnit XML, Markdown, annotations, JSON. Pure: outcomes go in, text comes out."""
