#!/usr/bin/env bash
# Sends the bundles to a board, has them measured there, and brings the results home. See --help and docs/your-board.md.
set -euo pipefail

usage() {
  cat <<'HELP'
Usage: deploy/push_to_jetson.sh [options] [user@]host

Measures the exported models on a Jetson, or another board with Linux, over ssh: probes it, sends what changed, verifies
it there, builds the engines, checks their outputs against the expected ones, times all variants in turn with clocks,
temperature and power, and adds the rows to results/leaderboard.csv. A cut line costs nothing: run the same command
again, and it goes on where it was.

  --tasks a,b         only these tasks (default: all in params.yaml)
  --engine NAME       tensorrt | onnxruntime | auto: TensorRT where the board has trtexec (default: auto)
  --rounds N          how often every variant is timed (default: 8)
  --iterations N      frames of a turn, at least (default: 50)
  --seconds N         length of a turn, at least (default: 1)
  --folder DIR        folder on the board (default: edgeboard, in the home there)
  --keep N            releases of a task that stay on the board, for going back (default: 2)
  --timeout S         how long to wait for the board's work; it goes on without us (default: 7200)
  --max-clocks        run jetson_clocks on the board while it measures (by sudo -n, never with a password)
  --port N            port of ssh
  --identity FILE     private key of ssh
  --ssh-config FILE   configuration of ssh in place of ~/.ssh/config
  --python NAME       Python on the board (default: python3)
  --bundles DIR       send the bundles of this folder as they are, in place of making them anew in bundles/
  --raw               only bring the raw result; its rows are added by `python -m stages.board_results`
  --dry-run           probe the board and tell what would be sent; change nothing there
  --help              this text

The board needs an ssh key of yours (ssh-copy-id user@host): no password is ever asked for. Its host key is remembered
at first sight and never accepted when it has changed.
Exit codes: 0 done, 1 the run failed on the board, 2 bad input or a state that you can mend, 75 the board is busy.
HELP
}

say() { printf '%s\n' "$*"; }

fail() { # what, mend [, exit code]
  printf '\nError: %s\n  mend:    %s\n\n' "$1" "$2" >&2
  exit "${3:-2}"
}

# One word of a remote shell's line: ssh joins its arguments, and the login shell there takes them apart again.
quoted() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

number() { # option, value, least
  if ! [[ $2 =~ ^[0-9]+$ ]] || ((10#$2 < $3)); then
    fail "$1 needs a whole number from $3 on, not '$2'" "see --help"
  fi
}

# ---------------------------------------------------------------- what is asked for
tasks='' engine=auto rounds=8 iterations=50 seconds=1 folder=edgeboard keep=2 timeout=7200 max_clocks=false
port='' identity='' ssh_config='' board_python=python3 bundles='' raw=false dry_run=false host=''
while (($#)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --max-clocks) max_clocks=true; shift ;;
    --raw) raw=true; shift ;;
    --dry-run) dry_run=true; shift ;;
    --tasks | --engine | --rounds | --iterations | --seconds | --folder | --keep | --timeout | --port | --identity | \
      --ssh-config | --python | --bundles)
      (($# > 1)) || fail "$1 needs a value" "see --help"
      case $1 in
        --tasks) tasks=$2 ;;
        --engine) engine=$2 ;;
        --rounds) rounds=$2 ;;
        --iterations) iterations=$2 ;;
        --seconds) seconds=$2 ;;
        --folder) folder=$2 ;;
        --keep) keep=$2 ;;
        --timeout) timeout=$2 ;;
        --port) port=$2 ;;
        --identity) identity=$2 ;;
        --ssh-config) ssh_config=$2 ;;
        --python) board_python=$2 ;;
        --bundles) bundles=$2 ;;
      esac
      shift 2
      ;;
    -*) fail "Unknown option $1" "deploy/push_to_jetson.sh --help" ;;
    *)
      [[ -z $host ]] || fail "One board at a time: '$host' and '$1'" "deploy/push_to_jetson.sh --help"
      host=$1
      shift
      ;;
  esac
done
[[ -n $host ]] || { usage >&2; fail "Which board?" "deploy/push_to_jetson.sh user@host"; }
[[ $host =~ ^[A-Za-z0-9._@:%-]+$ && $host != -* ]] ||
  fail "Not a [user@]host: '$host'" "deploy/push_to_jetson.sh user@host"
case $engine in
  auto | tensorrt | onnxruntime) ;;
  *) fail "Unknown --engine '$engine'" "auto, tensorrt or onnxruntime" ;;
esac
number --rounds "$rounds" 2
number --iterations "$iterations" 1
number --seconds "$seconds" 0
number --keep "$keep" 1
number --timeout "$timeout" 1
[[ -z $port ]] || number --port "$port" 1
timeout=$((10#$timeout)) # 08 would be octal
folder=${folder#\~/}      # the home there is where folders begin at any rate
# Files are named from where one stands; the work is done in the repository.
for name in bundles identity ssh_config; do
  [[ -z ${!name} || ${!name} == /* ]] || printf -v "$name" '%s' "$PWD/${!name}"
done
[[ -n $folder && $folder != *$'\n'* ]] || fail "--folder needs a name in one line" "see --help"
for tool in ssh tar sha256sum; do
  command -v "$tool" >/dev/null || fail "This machine has no $tool" "install it (Debian: openssh-client, tar, coreutils)"
done
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
python=$root/.venv/bin/python
[[ -x $python ]] || python=$(command -v python3) || fail "No .venv and no python3 on this machine" "make install"

# ---------------------------------------------------------------- one line to the board
private=$(mktemp -d "${TMPDIR:-/tmp}/edgeboard.XXXXXX")
sockets=$(mktemp -d /tmp/edgeboard.XXXXXX) # a socket's path must be short, which TMPDIR need not be
ssh_options=(
  -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=15 -o ServerAliveInterval=15
  -o ServerAliveCountMax=3 -o ControlMaster=auto -o "ControlPath=$sockets/ssh" -o ControlPersist=60 -o LogLevel=ERROR
)
# Before the others: of two values ssh takes the first.
[[ -z $ssh_config ]] || ssh_options=(-F "$ssh_config" "${ssh_options[@]}")
[[ -z $port ]] || ssh_options+=(-p "$port")
[[ -z $identity ]] || ssh_options+=(-i "$identity" -o IdentitiesOnly=yes)

hang_up() {
  ssh "${ssh_options[@]}" -O exit -- "$host" >/dev/null 2>&1 || true
  rm -rf "$private" "$sockets"
}
trap hang_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

on_board() { # a command line for the shell there
  ssh "${ssh_options[@]}" -- "$host" "$1" 2>"$private/words" || {
    local code=$?
    cat "$private/words" >&2
    return "$code"
  }
}

device() { # verb, arguments: the program on the board, in its folder
  local line
  line="exec $(quoted "$board_python") $(quoted "$program/run_on_device.py")"
  local word
  for word in "$@"; do line+=" $(quoted "$word")"; done
  on_board "$line"
}

kilobytes() { # a number of bytes, in words
  if (($1 < 1000000)); then printf '%s kB' $((($1 + 999) / 1000)); else printf '%s MB' $(($1 / 1000000)); fi
}

explain() { # exit code of ssh: ends with the message for it
  local words
  words=$(cat "$private/words" 2>/dev/null || true)
  case $words in
    *'HOST IDENTIFICATION HAS CHANGED'*)
      fail "The board's host key is not the one of last time: another board, a new installation, or somebody between" \
        "if you know why, ssh-keygen -R ${host#*@}, then run the same command again" ;;
    *'Permission denied'*)
      fail "The board does not let us in: no key of yours is known there" "ssh-copy-id $host" ;;
    *'Could not resolve'* | *'Connection refused'* | *'timed out'* | *'No route'*)
      fail "The board does not answer: ${words##*$'\n'}" "is it on, in this network, and sshd running? try: ssh $host" ;;
  esac
  case $1 in
    0) return 0 ;; # the board is content; only the sender of what it did not need any more was cut short
    255) fail "The line to the board was cut" "run the same command again: it goes on where it was" ;;
    75) exit 75 ;;
    *) exit "$1" ;;
  esac
}

send() { # task: what is missing of its files, one after the other; the large ones are named on the way
  local offset name bytes from
  while IFS=$'\t' read -r offset name; do
    bytes=$(wc -c <"$private/$1/$name")
    from=
    ((offset == 0)) || from=", from byte $offset on"
    ((bytes < 1000000)) || say "      $1/$name: $(kilobytes "$bytes")$from" >&3
    tail -c +"$((offset + 1))" "$private/$1/$name"
  done <"$private/$1.send"
}
exec 3>&1 # for lines of progress out of a pipe

# ---------------------------------------------------------------- 1 bundles
cd "$root"
IFS=, read -r -a wanted <<<"$tasks"
if [[ -z $bundles ]]; then
  say "[1/6] bundles"
  "$python" -m stages.bundle ${wanted[@]+"${wanted[@]}"} || exit $?
  bundles=bundles
  if [[ -z $tasks ]]; then
    mapfile -t wanted < <("$python" -c 'from pipeline.params import load_params; print("\n".join(load_params().tasks))')
  fi
else
  say "[1/6] bundles of $bundles as they are"
  if [[ -z $tasks ]]; then
    for tar in "$bundles"/*.tar; do wanted+=("$(basename "$tar" .tar)"); done
  fi
fi
for task in "${wanted[@]}"; do
  for file in "$bundles/$task.tar" "$bundles/$task.json"; do
    [[ -f $file ]] || fail "No bundle: $file" "$python -m stages.bundle $task"
  done
  mkdir -p "$private/$task"
  tar -xf "$bundles/$task.tar" -C "$private/$task"
  (cd "$private/$task" && sha256sum --check --quiet --strict SHA256SUMS) ||
    fail "The bundle is damaged: $bundles/$task.tar" "$python -m stages.bundle $task"
done

# ---------------------------------------------------------------- 2 what the board is
say "[2/6] probing $host"
mkdir "$private/program"
(cd "$here/device" && find . -name '*.py' | LC_ALL=C sort | tar -cf - -T -) | tar -xf - -C "$private/program"
(cd "$private/program" && find . -name '*.py' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
program_id=$(sha256sum <"$private/program/SHA256SUMS" | cut -c1-16)
program_bytes=$(find "$private/program" -type f -exec cat {} + | wc -c)
probe="command -v $(quoted "$board_python") >/dev/null 2>&1 || {
  echo \"Error: the board has no $board_python\" >&2
  echo \"  mend:    sudo apt install python3 on the board, or name another one by --python\" >&2
  exit 2
}
here=\$(mktemp -d) && tar -xf - -C \"\$here\" || exit 2
$(quoted "$board_python") \"\$here/run_on_device.py\" probe --folder $(quoted "$folder") --engine $engine --need $program_bytes
code=\$?
rm -rf \"\$here\"
exit \$code"
tar -cf - -C "$private/program" . | on_board "$probe" | sed 's/^/      /' || explain "${PIPESTATUS[1]}"

program=$folder/program/$program_id
if $dry_run; then
  say "[3/6] would send (nothing is changed on the board)"
  for task in "${wanted[@]}"; do
    there=$(on_board "cd $(quoted "$folder")/blobs 2>/dev/null && ls || true" </dev/null) || explain $?
    n_files=0 n_bytes=0
    while read -r sum name; do
      [[ $there == *"$sum"$'\n'* || $there == *"$sum" ]] && continue
      bytes=$(wc -c <"$private/$task/$name")
      n_files=$((n_files + 1)) n_bytes=$((n_bytes + bytes))
      [[ $name != models/* ]] || say "      $task/$name: $(kilobytes "$bytes")"
    done <"$private/$task/SHA256SUMS"
    say "      $task: $n_files of $(wc -l <"$private/$task/SHA256SUMS") files, $(kilobytes "$n_bytes") in all"
  done
  say "dry run: done"
  exit 0
fi

# ---------------------------------------------------------------- 3 send what changed
say "[3/6] sending what changed to $host:$folder"
install_program="set -e
umask 077
mkdir -p $(quoted "$folder/program")
cd $(quoted "$folder/program")
if [ -d $program_id ] && (cd $program_id && sha256sum -c SHA256SUMS >/dev/null 2>&1); then
  cat >/dev/null
  exit 0
fi
rm -rf .$program_id.tmp $program_id
mkdir .$program_id.tmp
tar -xf - -C .$program_id.tmp
(cd .$program_id.tmp && sha256sum -c SHA256SUMS >/dev/null)
mv .$program_id.tmp $program_id"
tar -cf - -C "$private/program" . | on_board "$install_program" || explain "${PIPESTATUS[1]}"
need=0
for task in "${wanted[@]}"; do
  sums=$private/$task/SHA256SUMS
  device missing --folder "$folder" <"$sums" >"$private/$task.missing" || explain $?
  while read -r sum offset; do
    name=$(grep -m 1 "^$sum  " "$sums" | cut -c67-)
    bytes=$(wc -c <"$private/$task/$name")
    printf '%s\t%s\n' "$offset" "$name" >>"$private/$task.send"
    printf '%s %s %s\n' "$sum" "$offset" "$bytes" >>"$private/$task.items"
    # Engines lie beside the models and are about as large.
    need=$((need + 2 * bytes - offset))
  done <"$private/$task.missing"
done
device probe --folder "$folder" --engine "$engine" --need "$need" </dev/null >/dev/null || explain $?
declare -A releases=()
for task in "${wanted[@]}"; do
  sums=$private/$task/SHA256SUMS
  items=()
  [[ ! -f $private/$task.items ]] || read -r -d '' -a items <"$private/$task.items" || true
  if ((${#items[@]})); then
    send "$task" | device receive --folder "$folder" "${items[@]}" || explain "${PIPESTATUS[1]}"
  fi
  n_sent=$((${#items[@]} / 3))
  releases[$task]=$(device install --folder "$folder" --keep "$keep" "$task" <"$sums") || explain $?
  say "      $task: $n_sent of $(wc -l <"$sums") files sent; release ${releases[$task]:0:12} verified and switched to"
done

# ---------------------------------------------------------------- 4 start, or join what is under way
say "[4/6] starting the work"
"$python" - "$bundles" "$engine" "$rounds" "$iterations" "$seconds" "$max_clocks" "${wanted[@]}" >"$private/request.json" <<'PY'
import json, pathlib, sys, time

bundles, engine, rounds, iterations, seconds, max_clocks, *tasks = sys.argv[1:]
origin = {task: json.loads(pathlib.Path(bundles, task + ".json").read_text(encoding="utf-8")) for task in tasks}
options = {"rounds": int(rounds), "iterations": int(iterations), "seconds": int(seconds), "max_clocks": max_clocks == "true"}
releases = {task: one["release"] for task, one in origin.items()}
print(json.dumps({"releases": releases, "engine": engine, "options": options, "origin": origin, "pushed_at": time.time()}))
PY
for task in "${wanted[@]}"; do
  grep -q "\"$task\": \"${releases[$task]}\"" "$private/request.json" ||
    fail "$bundles/$task.json is not of $bundles/$task.tar" "$python -m stages.bundle $task"
done
# The host's time: a board without a battery may think it is 1970.
started=$(device start --folder "$folder" "$(date -u +%Y%m%dT%H%M%SZ)-$$" <"$private/request.json") || explain $?
run=${started% *}
[[ ${started#* } == new ]] || say "      this work is under way or done already; joining it"
say "      run $run (goes on there even if the line is cut)"

# ---------------------------------------------------------------- 5 follow it
say "[5/6] building, checking, timing on the board"
since=0
deadline=$((SECONDS + timeout))
while true; do
  code=0
  while IFS=$'\t' read -r line_number line; do
    say "      $line"
    since=$line_number
  done < <(device status --folder "$folder" --since "$since" --wait 20 "$run" </dev/null 2>/dev/null)
  wait "$!" || code=$?
  case $code in
    0) break ;;
    1) fail "The run failed on the board; its last words stand above" "see docs/your-board.md, then run the same command again" 1 ;;
    3) ;;
    4) fail "The work on the board was ended from outside: a reboot, a full memory, or somebody killed it" \
      "run the same command again; engines that are built already are kept" 1 ;;
    255) say "      (the line was cut; the board works on, trying again)"; sleep 5 ;;
    *)
      cat "$private/words" >&2
      explain "$code"
      ;;
  esac
  ((SECONDS < deadline)) ||
    fail "Waited $timeout s; the board works on" "run the same command again later: it joins the run and brings the result"
done

# ---------------------------------------------------------------- 6 bring it home
say "[6/6] bringing the result home"
home=results/boards/${host//[^A-Za-z0-9._-]/_}
mkdir -p "$home"
sum=$(device result --folder "$folder" --sum "$run" </dev/null) || explain $?
temporary=$home/.$run.json.tmp
device result --folder "$folder" "$run" </dev/null >"$temporary" || { code=$?; rm -f "$temporary"; explain "$code"; }
if [[ $(sha256sum <"$temporary" | cut -c1-64) != "$sum" ]]; then
  rm -f "$temporary"
  fail "The result did not arrive as it lies on the board" "run the same command again: it lies there still"
fi
mv "$temporary" "$home/$run.json"
device collected --folder "$folder" "$run" </dev/null || explain $?
say "      $home/$run.json"
if ! $raw; then
  "$python" -m stages.board_results "$home/$run.json"
  say "The rows are in results/leaderboard.csv, with what should be known of each in its columns warning and note."
fi
