"""What `devctl --help` prints, made by reference.py: loading what makes it takes longer than all else."""

COLUMNS = 80
TEXT = """\
Usage: devctl [OPTIONS] COMMAND [ARGS]...

  Start, watch and explain a whole microservice system on one machine.

Options:
  -f, --file FILE             Manifest to read, instead of the nearest
                              stack.yaml; repeat to overlay. [env:
                              DEVCTL_FILE]
  --project-directory FOLDER  Folder of the stack, instead of the manifest's.
                              [env: DEVCTL_PROJECT_DIRECTORY]
  -p, --project-name NAME     Name of a second copy of the stack, with state
                              of its own. [env: DEVCTL_PROJECT_NAME]
  --profile NAME              Also start the services of this profile; may be
                              repeated. [env: DEVCTL_PROFILES]
  --env-file FILE             Variables to read instead of the .env beside the
                              manifest. [env: DEVCTL_ENV_FILE]
  --no-color                  No colours, as with NO_COLOR=1.
  --version                   Print the version.
  --install-completion        Install completion for the current shell.
  --show-completion           Show completion for the current shell, to copy
                              it or customize the installation.
  -h, --help                  Show this message and exit.

Commands:
  up        Start the stack, show its progress, then follow its logs.
  down      Stop everything in reverse order and leave nothing behind.
  build     Build the images of services, where something has changed.
  pull      Pull the images of services.
  start     Start services that are stopped or failed.
  stop      Stop services; they stay down until they are started again.
  restart   Replace what runs of services, one instance after the other.
  scale     Run more or fewer instances behind the same address.
  fault     Put faults on the wire of a service: latency, resets, an outage.
  kill      Send a signal to services; the restart policy applies.
  pause     Hold services where they are; health checks wait.
  unpause   Let paused services go on.
  ls        List the stacks that run, in every folder of this user.
  status    Show every service: status, health, restarts, cost, address.
  tui       Watch and steer the whole stack in the terminal.
  logs      Show log lines of all services, merged by time.
  traces    List requests as traces, follow them, or show one as a waterfall.
  journey   Show what happened to one order across calls, events, databases
            and logs.
  map       Draw who calls whom, from real traffic.
  events    Look into Kafka: topics, lag, single events, dead letters.
  metrics   Draw the boards in the terminal, or ask Prometheus.
  alerts    List the alerts that fire.
  health    Run the health checks now and show the answers.
  wait      Wait until services are healthy.
  why       Explain why a service is not healthy, and what to do.
  smoke     Prove the stack for CI: up, checks, report, down.
  diff      Compare two runs: calls, errors, latencies, log lines.
  affected  List the services that a change touches.
  bundle    Pack a run into one file, open one, look through one for secrets.
  top       List the processes of services, with what each costs.
  port      Print the address of a port of a service.
  cp        Copy files between here and a service.
  attach    Show the output of one instance as it comes, and type into its
            terminal.
  run       Run a service once more, beside its instances, with another
            command.
  exec      Run a command in a service's environment.
  env       Print a service's environment.
  open      Open a service's page in the browser.
  config    Print the manifest as it is understood here.
  plan      Print the steps that `up` would take.
  graph     Draw what depends on what, as DOT or Mermaid.
  schema    Print the JSON Schema of stack.yaml.
  init      Write a first stack.yaml, also from a Compose file.
  tools     List, install and remove native programs.
  doctor    Say what this machine can run, what it lacks, and the remedy.
  runs      List past runs and their size.
  prune     Delete past runs, and on request data and tools.

  Examples:
    devctl up -d                    start everything in the background
    devctl status                   see how it is doing
    devctl logs -f --level warning  follow what goes wrong
    devctl why order                find out why a service is not healthy
    devctl down                     stop it all

  Exit codes: 0 ok, 1 not healthy or a check failed, 2 usage or manifest,
  3 environment (engine, tool, port, disk), 4 a bug in devctl, 130 interrupted."""
