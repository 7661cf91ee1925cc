import Dispatch
import Synchronization

/// A value that somebody else changes, and that tests wait for.
final class Watched<Value: Sendable>: Sendable {
    /// Says whether it has what it waits for, and is done then.
    private typealias Waiter = @Sendable (Value) -> Bool

    private struct State {
        var value: Value
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0
    }

    private let state: Mutex<State>

    init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    var value: Value { state.withLock { $0.value } }

    func update(_ change: @Sendable (inout Value) -> Void) {
        state.withLock { state in
            change(&state.value)
            let value = state.value
            state.waiters = state.waiters.filter { !$0.value(value) }
        }
    }

    /// Waits until `look` finds something in the value.
    ///
    /// - Returns: what it found; nil if that took longer than the limit.
    func wait<Found: Sendable>(
        atMost limit: Duration, for look: @escaping @Sendable (Value) -> Found?
    ) async -> Found? {
        await withCheckedContinuation { continuation in
            let waiter: Int? = state.withLock { state in
                if let found = look(state.value) {
                    continuation.resume(returning: found)
                    return nil
                }
                state.lastWaiter += 1
                state.waiters[state.lastWaiter] = { value in
                    guard let found = look(value) else { return false }
                    continuation.resume(returning: found)
                    return true
                }
                return state.lastWaiter
            }
            guard let waiter else { return }
            DispatchQueue.global().asyncAfter(deadline: .now() + limit.seconds) {
                let isWaiting = self.state.withLock { $0.waiters.removeValue(forKey: waiter) != nil }
                if isWaiting { continuation.resume(returning: nil) }
            }
        }
    }
}

extension Duration {
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
