// SPDX-License-Identifier: Apache-2.0
import AdapterKit
public import EnvelopeModel

/// Deadlines, and the end of the process.
extension AggregatorCore {
    func watchDeadline(_ ticket: Ticket, _ deadline: Instant) {
        wheel.insert(ticket, deadline: deadline)
        guard wheelTimer == nil else { return }
        wheelTimer = scheduler.schedule(after: settings.deadlineGrain) { [weak self] in self?.checkDeadlines() }
    }

    private func checkDeadlines() {
        turn {
            wheelTimer = nil
            var due: [Ticket] = []
            wheel.advance(to: now) { due.append($0) }
            for ticket in due { expire(ticket) }
            guard wheel.count > 0 else { return }
            wheelTimer = scheduler.schedule(after: settings.deadlineGrain) { [weak self] in self?.checkDeadlines() }
        }
    }

    /// Ends an envelope whose time is up: "expired" where it was not handed on, "uncertain" where it may have been.
    private func expire(_ ticket: Ticket) {
        end(ticket, withdrawn: Outcome(.timedOut, "nobody took it in time"))
    }

    private func end(_ ticket: Ticket, withdrawn: Outcome) {
        guard let index = tickets.index(of: ticket) else { return }
        if tickets[index].whereabouts == .handedOver {
            let port = ports[Int(lanes[tickets[index].lane].port)]
            let answer = port.adapter?.withdraw(ticket)
            guard tickets.index(of: ticket) != nil else { return }  // settled on the way, with a better word
            if answer == .tooLate {
                return finish(index, Outcome(.uncertain, "handed on, but nobody confirmed it in time"))
            }
        }
        finish(index, withdrawn)
    }

    /// Takes nothing new, waits for what is in flight until `deadline`, ends the rest, and calls `completion`.
    ///
    /// What was not handed on by then ends 4001, what was ends uncertain. The adapters still run, so that they can
    /// carry the answers; stop them next with ``stopAdapters(by:completion:)``.
    public func drain(by deadline: Instant, completion: @escaping () -> Void) {
        turn {
            isDraining = true
            drainCompletion = completion
            scheduler.schedule(after: deadline - now) { [weak self] in
                guard let self else { return }
                turn {
                    for ticket in self.tickets.unsettledTickets {
                        self.end(ticket, withdrawn: Outcome(.unavailable, "shutting down", retryAfter: 5))
                    }
                    for end in self.queryEnds.values { end(Outcome(.unavailable, "shutting down", retryAfter: 5)) }
                }
            }
        }
    }

    func finishDrainIfSettled() {
        guard isDraining, tickets.unsettled == 0, openQueries == 0, let completion = drainCompletion else { return }
        drainCompletion = nil
        completion()
    }

    /// Stops all adapters, each of which ends by `deadline`, and calls `completion` after the last.
    public func stopAdapters(by deadline: Instant, completion: @escaping () -> Void) {
        turn {
            var running = ports.count
            guard running > 0 else { return completion() }
            for port in ports {
                port.adapter?.stop(by: deadline) {
                    running -= 1
                    if running == 0 { completion() }
                }
            }
        }
    }
}
