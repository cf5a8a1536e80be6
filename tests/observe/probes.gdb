# SPDX-License-Identifier: MIT
# Writes an event a line to the file `events`, as probed.c prints them.
set pagination off
set confirm off
set debuginfod enabled off
set breakpoint pending on
set disable-randomization off
break main
run > printed
delete
set logging file events
set logging redirect on
set logging enabled on
break -probe-stap lfbuddy:alloc
commands
silent
printf "alloc %#lx %lu %lu\n", $_probe_arg1, $_probe_arg2, $_probe_arg3
continue
end
break -probe-stap lfbuddy:free
commands
silent
printf "free %#lx %lu %lu\n", $_probe_arg1, $_probe_arg2, $_probe_arg3
continue
end
break -probe-stap lfbuddy:split
commands
silent
printf "split %#lx %lu %lu\n", $_probe_arg1, $_probe_arg2, $_probe_arg3
continue
end
break -probe-stap lfbuddy:merge
commands
silent
printf "merge %#lx %lu %lu\n", $_probe_arg1, $_probe_arg2, $_probe_arg3
continue
end
break -probe-stap lfbuddy:exhausted
commands
silent
printf "exhausted %lu %lu\n", $_probe_arg1, $_probe_arg2
continue
end
continue
