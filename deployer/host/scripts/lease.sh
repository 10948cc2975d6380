# lease TOKEN renew HOLDER SEEN DEAD | lease TOKEN release | lease TOKEN break: keep the lease for a run
# that waits, give it back, or take it from a run that will not come back.
#
# What a run has in flight here belongs to it, and is over within its confirm timeout: that is not
# for breaking. A broken lease fences its holder out, should it still be alive.
#
# Exit: 0 done, 75 the lease is another run's, or something is in flight.

token=$1
case $2 in
  renew) hold_lease "$token" "$3" "$4" "$5" ;;
  release) release_lease ;;
  break)
    read_lease
    case $lease in "$token "*) ;; *) refuse "it is held by ${holder:-nobody} now" ;; esac
    ! in_flight || refuse "$holder has a switch in flight here"
    journal unlocked "$token" "$holder"
    release_lease
    ;;
esac
