# The runs of run.sh, which sources this file. Model, flags, claim, expected:
# pass; or for a planted fault the kind of error: cycle (liveness), assert, stuck (deadlock).

# One home thread; nested; an outer loop; an outer loop and a foreign poller.
wakeups notify.pml ''                                       pass  pass
wakeups notify.pml '-DSHORTCUT -DSKIP_NOTIFIED'             pass  pass
wakeups notify.pml '-DNESTED -DSHORTCUT -DSKIP_NOTIFIED'    pass  pass
wakeups notify.pml '-DOUTER -DSHORTCUT -DSKIP_NOTIFIED'     pass  pass
wakeups notify.pml '-DOUTER -DBLIND_PREPARE'                pass  pass
wakeups notify.pml '-DOUTER -DFOREIGN'                      pass  pass
wakeups notify.pml '-DOUTER -DFOREIGN -DSHORTCUT'           pass  pass
wakeups notify.pml '-DOUTER -DFOREIGN -DFLAG_ONLY'          pass  pass
check notify.pml '-DOUTER -DBLIND_PREPARE -DSKIP_NOTIFIED'  no_lost_wakeup  cycle
check notify.pml '-DOUTER -DFOREIGN -DSKIP_NOTIFIED'        no_lost_wakeup  cycle
check notify.pml '-DBUG_FLAG_FIRST'                         no_busy_loop    pass
check notify.pml '-DFLAG_ONLY -DBUG_FLAG_FIRST'             no_busy_loop    cycle
check notify.pml '-DBUG_SKIP_IF_SET'                        no_lost_wakeup  cycle
check notify.pml '-DBUG_NOTIFY_ORDER'                       no_lost_wakeup  cycle
check notify.pml '-DBUG_ARM_ORDER'                          no_lost_wakeup  cycle
check notify.pml '-DBUG_NO_ARM_TEST'                        no_lost_wakeup  cycle
check notify.pml '-DBUG_DISARM_LATE'                        no_lost_wakeup  assert
check notify.pml '-DOUTER -DBUG_NOTIFY_ORDER'               no_lost_wakeup  cycle
check notify.pml '-DOUTER -DBUG_ARM_ORDER'                  no_lost_wakeup  cycle
check notify.pml '-DOUTER -DFOREIGN -DFLAG_ONLY -DBUG_FLAG_FIRST' no_busy_loop    cycle
check notify.pml '-DOUTER -DFOREIGN -DBUG_SKIP_IF_SET'      no_lost_wakeup  cycle
check notify.pml '-DOUTER -DFOREIGN -DBUG_ARM_ORDER'        no_lost_wakeup  cycle
check notify.pml '-DOUTER -DFOREIGN -DBUG_LATE_ACCEPT'      no_lost_wakeup  cycle
check notify.pml '-DOUTER -DFOREIGN -DBUG_ONE_BIT'          no_lost_wakeup  cycle
# QEMU's placement of the clear is right as long as only one thread polls.
wakeups notify.pml '-DLATE_CLEAR'                           pass  pass
wakeups notify.pml '-DOUTER -DBLIND_PREPARE -DLATE_CLEAR'   pass  pass
check notify.pml '-DOUTER -DFOREIGN -DLATE_CLEAR'           no_lost_wakeup  cycle

# A pushed bottom half, edge triggered and level triggered.
for variant in '' '-DNESTED' '-DOUTER' '-DOUTER -DFOREIGN' '-DLEVEL' '-DLEVEL -DOUTER -DFOREIGN'; do
    wakeups notify_push.pml "$variant"                      pass  pass
done
check notify_push.pml '-DBUG_SLEEP_ON_CANCELLED'            no_lost_wakeup  cycle
check notify_push.pml '-DBUG_NO_ARM_TEST'                   no_lost_wakeup  cycle
check notify_push.pml '-DBUG_ARM_ORDER'                     no_lost_wakeup  cycle
check notify_push.pml '-DBUG_LOOK_FIRST'                    no_lost_wakeup  cycle
check notify_push.pml '-DOUTER -DBUG_ARM_ORDER'             no_lost_wakeup  cycle
check notify_push.pml '-DOUTER -DFOREIGN -DBUG_SLEEP_ON_CANCELLED'  no_lost_wakeup  cycle
check notify_push.pml '-DLEVEL -DOUTER -DFOREIGN -DBUG_TAKE_FIRST'  no_lost_wakeup  cycle
check notify_push.pml '-DOUTER -DFOREIGN -DBUG_TAKE_FIRST'  no_lost_wakeup  cycle
check notify_push.pml '-DOUTER -DBUG_EDGE_LEFT'             no_busy_loop    cycle

check outer_deadline.pml ''                         timer_fires  pass
check outer_deadline.pml '-DBUG_NO_KICK'            timer_fires  cycle

wakeups wait_handles.pml ''                         pass  pass
check wait_handles.pml '-DBUG_FORGET_EARLY'         no_lost_wakeup  assert
check wait_handles.pml '-DBUG_DISARM_TWICE'         no_lost_wakeup  assert
check wait_handles.pml '-DBUG_BLOCK_TWICE'          no_lost_wakeup  cycle
check wait_handles.pml '-DBUG_COMPUTE_FIRST'        no_lost_wakeup  cycle

wakeups accept.pml ''                               pass  pass
check accept.pml ''                                 flag_follows_event  pass
wakeups accept.pml '-DNO_FLAG'                      pass  pass
check accept.pml '-DBUG_FLAG_FIRST'                 no_lost_wakeup      pass
check accept.pml '-DBUG_FLAG_FIRST'                 no_busy_loop        cycle
check accept.pml '-DBUG_FLAG_FIRST'                 flag_follows_event  assert
check accept.pml '-DBUG_SKIP_IF_SET'                no_lost_wakeup      cycle
check accept.pml '-DBUG_TWO_STEPS'                  no_busy_loop        cycle
check accept.pml '-DBUG_TWO_STEPS'                  flag_follows_event  assert
check accept.pml '-DBUG_WORK_FIRST'                 no_lost_wakeup      cycle

wakeups barriers.pml ''                             pass  pass
check barriers.pml '-DBUG_NOTIFY_BARRIER'           no_lost_wakeup  cycle
check barriers.pml '-DBUG_ARM_BARRIER'              no_lost_wakeup  cycle
check barriers.pml '-DBUG_ACCEPT_BARRIER'           no_lost_wakeup  cycle

wakeups hangs_2015.pml ''                           pass  pass
wakeups hangs_2015.pml '-DSHORTCUT'                 pass  pass
check hangs_2015.pml '-DBUG_DISPATCHING'            no_lost_wakeup  cycle
check hangs_2015.pml '-DBUG_DISPATCHING -DSHORTCUT' no_lost_wakeup  cycle
check hangs_2015.pml '-DBUG_LATE_CLEAR'             no_lost_wakeup  cycle
check hangs_2015.pml '-DBUG_LATE_CLEAR -DSHORTCUT'  no_lost_wakeup  cycle

check timers_done.pml ''                            disable_returns  pass
check timers_done.pml ''                            timers_fire      pass
check timers_done.pml '-DBUG_INITIALLY_CLEAR'       disable_returns  cycle
check timers_done.pml '-DBUG_NO_SET'                disable_returns  cycle
check timers_done.pml '-DBUG_CHECK_FIRST'           disable_returns  assert
check timers_done.pml '-DBUG_NO_WAIT'               disable_returns  assert
check timers_done.pml '-DBUG_NESTED_SETS'           disable_returns  assert

check bottom_half.pml ''                                    called_after_schedule  pass
check bottom_half.pml '-DIDLE'                              called_after_schedule  pass
check bottom_half.pml '-DIDLE'                              idle_lets_sleep        pass
check bottom_half.pml '-DIDLE -DPOLLING'                    called_after_schedule  pass
check bottom_half.pml '-DIDLE -DPOLLING'                    idle_lets_sleep        pass
check bottom_half.pml '-DIDLE -DPOLLING -DBUG_IDLE_IS_WORK' idle_lets_sleep        cycle
check bottom_half.pml '-DOUTER'                             called_after_schedule  pass
check bottom_half.pml '-DLOCAL'                             called_after_schedule  pass
check bottom_half.pml '-DLOCAL -DOUTER'                     called_after_schedule  pass
check bottom_half.pml '-DLOCAL -DOUTER -DBUG_LOCAL_ARMED'   called_after_schedule  cycle
check bottom_half.pml '-DBLIND_PREPARE -DALWAYS_NOTIFY'     called_after_schedule  pass
check bottom_half.pml '-DBLIND_PREPARE'                     called_after_schedule  pass
check bottom_half.pml '-DBLIND_PREPARE -DALWAYS_NOTIFY -DBUG_SHORTCUT_PENDING'  called_after_schedule  cycle
check bottom_half.pml '-DBUG_NO_STACK_TEST'                 called_after_schedule  cycle
check bottom_half.pml '-DBUG_CLEAR_BEFORE_UNLINK'           called_after_schedule  assert
check bottom_half.pml '-DBUG_CLEAR_AFTER_CALLBACK'          called_after_schedule  cycle
check bottom_half.pml '-DBUG_TWO_STEPS'                     called_after_schedule  cycle
check bottom_half.pml '-DBUG_IGNORE_DELETED'                called_after_schedule  assert
check bottom_half.pml '-DBUG_CANCEL_UNLINKS'                called_after_schedule  assert

# Split virtqueue: flags, then event index.
for index in '' '-DEVENT_IDX '; do
    check virtqueue_split.pml "${index% }" all_used_then_quiet pass
    for fault in DEVICE_NO_LOOK DRIVER_NO_LOOK LOOK_FIRST KICK_FIRST CALL_FIRST NO_ENABLE RESCHEDULE DRAIN_LATE; do
        check virtqueue_split.pml "$index-DBUG_$fault" all_used_then_quiet cycle
    done
done
check virtqueue_split.pml '-DEVENT_IDX -DBUG_EVENT_EQUAL' all_used_then_quiet cycle

# Packed virtqueue: flags, then positions.
for index in '' '-DEVENT_IDX '; do
    check virtqueue_packed.pml "${index% }" all_used_then_quiet pass
    for fault in DEVICE_NO_LOOK DRIVER_NO_LOOK KICK_FIRST RESCHEDULE; do
        check virtqueue_packed.pml "$index-DBUG_$fault" all_used_then_quiet cycle
    done
done
check virtqueue_packed.pml '-DEVENT_IDX -DBUG_WRAP'         all_used_then_quiet  cycle
check virtqueue_packed.pml '-DEVENT_IDX -DBUG_WHOLE_TURN'   all_used_then_quiet  cycle

for variant in '' '-DREMOVE'; do
    check poll_mode.pml "$variant"                          all_taken             pass
    check poll_mode.pml "$variant"                          no_busy_loop          pass
    check poll_mode.pml "$variant"                          kicks_on_when_asleep  pass
done
check poll_mode.pml '-DBUG_NO_LAST_POLL'                    all_taken             cycle
check poll_mode.pml '-DBUG_POLL_FIRST'                      all_taken             cycle
check poll_mode.pml '-DBUG_NO_END'                          all_taken             cycle
check poll_mode.pml '-DBUG_NO_END'                          kicks_on_when_asleep  assert
check poll_mode.pml '-DREMOVE -DBUG_REMOVE_NO_LOOK'         all_taken             cycle
check poll_mode.pml '-DREMOVE -DBUG_REMOVE_NO_END'          all_taken             cycle
check poll_mode.pml '-DREMOVE -DBUG_REMOVE_NO_END'          kicks_on_when_asleep  assert

for variant in '' '-DEVENT_IDX' '-DPOLLED'; do
    check rx_backpressure.pml "$variant"                    no_lost_resume  pass
    check rx_backpressure.pml "$variant"                    no_busy_loop    pass
done
check rx_backpressure.pml '-DBUG_NO_LOOK_AGAIN'             no_lost_resume  cycle
check rx_backpressure.pml '-DEVENT_IDX -DBUG_NO_LOOK_AGAIN' no_lost_resume  cycle
check rx_backpressure.pml '-DBUG_LOOK_FIRST'                no_lost_resume  cycle
check rx_backpressure.pml '-DBUG_PEEK_AGAIN'                no_lost_resume  cycle
check rx_backpressure.pml '-DEVENT_IDX -DBUG_PEEK_AGAIN'    no_lost_resume  cycle
check rx_backpressure.pml '-DPOLLED -DBUG_PEEK_AGAIN'       no_lost_resume  cycle
check rx_backpressure.pml '-DBUG_WAIT_UNLOCKED'             no_lost_resume  cycle
check rx_backpressure.pml '-DBUG_WAKE_UNLOCKED'             no_lost_resume  cycle
check rx_backpressure.pml '-DBUG_KEEP_READING'              no_busy_loop    cycle
check rx_backpressure.pml '-DPOLLED -DBUG_NOBODY_POLLS'     no_lost_resume  cycle

check memory_table.pml ''                                   -  pass
check memory_table.pml '-DBUG_UNMAP_FIRST'                  -  assert
check memory_table.pml '-DBUG_ONE_RING'                     -  assert
check memory_table.pml '-DBUG_NO_LOCK'                      -  assert
check memory_table.pml '-DBUG_KEEP_POINTER'                 -  assert
check memory_table.pml '-DBUG_LOCK_ORDER'                   -  stuck

check passage.pml ''                                        wait_ends  pass
check passage.pml '-DBUG_NO_BARRIER'                        wait_ends  assert
check passage.pml '-DBUG_NO_WAIT'                           wait_ends  assert
check passage.pml '-DBUG_LOAD_FIRST'                        wait_ends  assert
check passage.pml '-DBUG_TURN_EARLY'                        wait_ends  assert
check passage.pml '-DBUG_NO_TURNS'                          wait_ends  cycle

check timer_batch.pml ''                                    anticipation_kept  pass
check timer_batch.pml ''                                    never_delayed      pass
check timer_batch.pml ''                                    pass_ends          pass
check timer_batch.pml '-DBUG_TRUST_BATCH'                   anticipation_kept  cycle
check timer_batch.pml '-DBUG_ANTICIPATE_MOVES'              never_delayed      cycle
check timer_batch.pml '-DBUG_SAME_PASS'                     pass_ends          cycle
check timer_batch.pml '-DBUG_KEEP_PLACE'                    anticipation_kept  assert
check timer_batch.pml '-DBUG_PUT_BACK_LATE'                 never_delayed      cycle

check handler_scan.pml ''                                   found  pass
check handler_scan.pml '-DBUG_COUNT'                        found  assert
check handler_scan.pml '-DBUG_FLAG_FIRST'                   found  cycle
check handler_scan.pml '-DBUG_CLEAR_LATE'                   found  cycle
