/* SPDX-License-Identifier: MIT */
/*
 * Who wakes whom in a message ring: include/hgshm/shm.h, "Sleeping". Both directions at
 * once: the consumer sleeps for messages, the producer for room.
 *
 * Processors are modelled as x86 has them (total store order): a store goes to the
 * processor's own queue and reaches memory later; a load looks at the own queue first; a
 * sequentially consistent store leaves only when the queue is empty. Doorbells are
 * eventfds: they keep a ring until somebody waits.
 *
 * All states are searched. That a side sleeps for ever is an invalid end state; that a
 * side reads what was not written, or writes over what was not read, an assertion.
 *
 * Mutants, each of which must be found wrong, are chosen by -D:
 *   NO_FENCE_INDEX     the index is stored without waiting for it to reach memory
 *   NO_FENCE_SLEEPING  likewise the word that says that a side sleeps
 *   EARLY_LOOK         a side looks whether the other sleeps before it stores its index
 *   NO_SECOND_LOOK     a side goes to sleep without looking at the index again
 *   RING_ONCE_EVER     a side that has rung once takes every later sleep for the same
 */
#define MESSAGES	4
#define CAPACITY	2
#define STORES		3	/* that a processor's queue holds */

/* shared words; a side's number is that of its process below: 0 producer, 1 consumer */
#define INDEX(side)	(side)
#define SLEEPING(side)	(2 + (side))
#define WANTED(side)	(4 + (side))
#define WORDS		6

byte memory[WORDS];
bool bell[2];		/* rung, and nobody has waited since */
byte queue_word[2 * STORES];
byte queue_value[2 * STORES];
byte queued[2];
byte sent, received;	/* what really happened, for the assertions */
byte done;

#define AT(side, n)	((side) * STORES + (n))

inline drain_one(side)
{
	memory[queue_word[AT(side, 0)]] = queue_value[AT(side, 0)];
	d_step {
		queue_word[AT(side, 0)] = queue_word[AT(side, 1)];
		queue_value[AT(side, 0)] = queue_value[AT(side, 1)];
		queue_word[AT(side, 1)] = queue_word[AT(side, 2)];
		queue_value[AT(side, 1)] = queue_value[AT(side, 2)];
		queue_word[AT(side, 2)] = 0;
		queue_value[AT(side, 2)] = 0;
		queued[side]--;
	}
}

inline store(side, word, value)
{
	atomic {
		queued[side] < STORES;
		queue_word[AT(side, queued[side])] = word;
		queue_value[AT(side, queued[side])] = value;
		queued[side]++;
	}
}

inline fence(side)
{
	queued[side] == 0;
}

/* A side loads only words that the other writes: its own queue never has them. */
inline load(word, into)
{
	into = memory[word];
}

inline publish(side, index)
{
#ifdef EARLY_LOOK
	load(SLEEPING(1 - side), sleeping);
	store(side, INDEX(side), index);
	fence(side);
#else
	store(side, INDEX(side), index);
#ifndef NO_FENCE_INDEX
	fence(side);
#endif
	load(SLEEPING(1 - side), sleeping);
#endif
	if
	:: sleeping % 2 == 1 && sleeping != rung ->
		load(WANTED(1 - side), wanted);
		if
		:: index >= wanted ->
#ifdef RING_ONCE_EVER
			if
			:: rung == 0 -> bell[1 - side] = true; rung = 1
			:: else
			fi
#else
			bell[1 - side] = true;
			rung = sleeping
#endif
		:: else
		fi
	:: else
	fi
}

/* Returns with the other's index in seen, at least want. */
inline wait_for(side, want)
{
	load(INDEX(1 - side), seen);
	do
	:: seen >= want -> break
	:: else ->
		own_sleeping++;
		store(side, WANTED(side), want);
		store(side, SLEEPING(side), own_sleeping);
#ifndef NO_FENCE_SLEEPING
		fence(side);
#endif
#ifndef NO_SECOND_LOOK
		load(INDEX(1 - side), seen);
#endif
		if
		:: seen < want ->
			atomic { bell[side]; bell[side] = false }
		:: else
		fi;
		own_sleeping++;
		store(side, SLEEPING(side), own_sleeping);
		load(INDEX(1 - side), seen)
	od
}

proctype producer()
{
	byte next, seen, sleeping, rung, wanted, own_sleeping;

	do
	:: next == MESSAGES -> break
	:: else ->
		if
		:: next >= CAPACITY -> wait_for(0, next + 1 - CAPACITY)
		:: else
		fi;
		assert(sent - received < CAPACITY);
		sent++;
		next++;
		publish(0, next)
	od;
	done++
}

proctype consumer()
{
	byte next, seen, sleeping, rung, wanted, own_sleeping;

	do
	:: next == MESSAGES -> break
	:: else ->
		wait_for(1, next + 1);
		assert(received < sent);
		received++;
		next++;
		publish(1, next)
	od;
	done++
}

/* A processor's stores reach memory in order, at any time. */
proctype processor(byte side)
{
	do
	:: atomic { queued[side] > 0; drain_one(side) }
	:: atomic { done == 2 && queued[side] == 0 -> break }
	od
}

init {
	atomic {
		run producer();
		run consumer();
		run processor(0);
		run processor(1)
	}
}
