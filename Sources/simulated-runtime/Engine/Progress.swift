import Synchronization

/// Counts what a process did; from any thread.
final class Progress: Sendable {
    private let counter = Atomic<Int>(0)

    var count: Int { counter.load(ordering: .relaxed) }

    func add(_ amount: Int = 1) {
        counter.add(amount, ordering: .relaxed)
    }
}
