// Package notify sends notifications about runs to webhooks, Slack, Microsoft Teams and by mail:
// changes are held, a run failed, the audit branch is broken, AWS refuses all calls, something
// ends soon, and all is well again.
//
// A notification is an Event. It is about something that began, such as a failing provisioner, and
// is sent once, not after each run. The Notifier stores in a file what is open and what is not
// delivered yet, so that a restart neither loses nor repeats an event. One exception cannot be
// avoided: if the process is killed between the answer of a receiver and the next write of the
// file, the message is sent again, with the same id.
//
// A channel that does not answer gets the message later. Messages of one channel that wait are sent
// as one, so that a channel gets no storm after an outage.
package notify
