import Synchronization

/// A value that tests wait on: whoever changes it wakes those for whom it has become what they wait for.
final class Watched<Value: Sendable>: Sendable {
    struct TimedOut: Error, CustomStringConvertible {
        let description: String
    }

    private struct Waiter {
        let isMet: @Sendable (Value) -> Bool
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var value: Value
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0
    }

    private let state: Mutex<State>

    init(_ value: Value) { state = Mutex(State(value: value)) }

    var value: Value { state.withLock { $0.value } }

    @discardableResult
    func update<T: Sendable>(_ change: @Sendable (inout Value) -> T) -> T {
        let (result, met) = state.withLock { state in
            let result = change(&state.value)
            let met = state.waiters.filter { $0.value.isMet(state.value) }
            for id in met.keys { state.waiters[id] = nil }
            return (result, met.values.map(\.continuation))
        }
        for continuation in met { continuation.resume() }
        return result
    }

    /// Waits until `find` finds what it looks for. Fails after a time that only a hang can take.
    func wait<T: Sendable>(for what: String, _ find: @escaping @Sendable (Value) -> T?) async throws -> T {
        while true {
            if let found = find(value) { return found }
            try await change(for: what) { find($0) != nil }
        }
    }

    private func change(for what: String, _ isMet: @escaping @Sendable (Value) -> Bool) async throws {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        let watchdog = Task {
            try await Task.sleep(for: .seconds(30))
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.continuation.resume(throwing: TimedOut(description: "\(what) did not come; it is \(value)"))
        }
        defer { watchdog.cancel() }
        try await withCheckedThrowingContinuation { continuation in
            let isMetNow = state.withLock { state in
                if isMet(state.value) { return true }
                state.waiters[id] = Waiter(isMet: isMet, continuation: continuation)
                return false
            }
            if isMetNow { continuation.resume() }
        }
    }
}
