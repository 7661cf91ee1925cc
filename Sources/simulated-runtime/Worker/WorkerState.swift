import ControlProtocol
import Foundation

/// Whose a worker is, and who may attach to it.
struct WorkerState: Sendable {
    private enum Phase {
        case idle
        case leased(Lease, wasAttached: Bool)
        case resetting(Lease)
    }

    /// What is to be done about a `reset`.
    enum ResetDecision {
        case begin
        /// There is nothing of an engine here.
        case nothingToDo
        case refuse(reason: String)
    }

    private var phase = Phase.idle
    /// The newest generation that it was leased to.
    private var newest: WireGeneration?

    /// The lease that it is not rid of yet.
    var lease: Lease? {
        switch phase {
        case .idle: nil
        case .leased(let lease, _), .resetting(let lease): lease
        }
    }

    /// - Returns: why it cannot be leased; nil if it is now.
    mutating func take(_ lease: Lease) -> String? {
        if let present = self.lease { return "not idle: \(present.engine) is here" }
        if let newest, lease.generation.isOlder(than: newest) {
            return "\(lease.generation.text) is old: \(newest.text) was here since"
        }
        phase = .leased(lease, wasAttached: false)
        newest = lease.generation
        return nil
    }

    /// - Returns: why this process cannot attach to it; nil if it is attached now.
    mutating func attach(engine: String, generation: WireGeneration, by peer: PeerCredentials) -> String? {
        guard peer.uid == getuid() else { return "uid \(peer.uid) is not this worker's" }
        guard case .leased(let lease, let wasAttached) = phase else { return "not leased" }
        guard Int(peer.pid) == lease.executorPid else {
            return "leased to pid \(lease.executorPid), not to pid \(peer.pid)"
        }
        guard (engine, generation) == (lease.engine, lease.generation) else {
            return "leased to \(lease.engine), \(lease.generation.text), not to \(engine), \(generation.text)"
        }
        guard !wasAttached else { return "an executor was attached under this lease already" }
        phase = .leased(lease, wasAttached: true)
        return nil
    }

    mutating func beginReset(_ generation: WireGeneration) -> ResetDecision {
        switch phase {
        case .idle: return .nothingToDo
        case .resetting: return .refuse(reason: "a reset is going on")
        case .leased(let lease, _):
            guard generation == lease.generation else {
                return .refuse(reason: "leased to \(lease.generation.text), not to \(generation.text)")
            }
            phase = .resetting(lease)
            return .begin
        }
    }

    /// - Parameter isClean: false leaves it leased, and nobody can attach to it.
    mutating func endReset(isClean: Bool) {
        guard case .resetting(let lease) = phase else { return }
        phase = isClean ? .idle : .leased(lease, wasAttached: true)
    }
}

extension WireGeneration {
    fileprivate var text: String { "generation \(epoch).\(counter)" }

    fileprivate func isOlder(than other: WireGeneration) -> Bool {
        (epoch, counter) < (other.epoch, other.counter)
    }
}
