import Synchronization

/// Hands events on to whoever follows them.
///
/// Readers have no queues of their own: each has its place in the one history, and is told how many it missed if the
/// history has moved on without it. So neither many readers nor slow ones cost memory, and nobody ever waits for one.
public final class EventFeed: Sendable {
    /// Readers at the same time.
    public static let mostReaders = 32
    /// What one batch holds at most.
    static let batchLimit = 100

    private struct Reader {
        /// Of the last event that it was given.
        var number: Int
        let wakes: AsyncStream<EventReader.Wake>.Continuation
    }

    private struct State {
        var history: EventHistory
        var readers: [Int: Reader] = [:]
        var lastReader = 0
        var isClosed = false
    }

    private let state: Mutex<State>

    /// - Parameter capacity: how many events are kept.
    public init(epoch: Int, capacity: Int = 1000) {
        state = Mutex(State(history: EventHistory(epoch: epoch, capacity: capacity)))
    }

    /// - Parameter time: in seconds since 1970.
    public func publish(_ events: [ControllerEvent], at time: Double) {
        guard !events.isEmpty else { return }
        state.withLock { state in
            for event in events { state.history.append(event, at: time) }
            for reader in state.readers.values { reader.wakes.yield(.news) }
        }
    }

    /// Follows what comes from now on, or after an event.
    ///
    /// - Parameter id: of the last event that was seen; `0`: everything that is kept.
    /// - Throws: `ControllerError`: it is no id, or there are too many readers.
    public func follow(after id: String?) throws -> EventReader {
        // The last element wakes as well as all of them.
        let (stream, wakes) = AsyncStream.makeStream(of: EventReader.Wake.self, bufferingPolicy: .bufferingNewest(1))
        let number = try state.withLock { state in
            let number = id.map(state.history.number) ?? state.history.lastNumber
            guard let number else {
                throw ControllerError(
                    .badRequest,
                    "'\(id ?? "")' is no id of an event: they are like 3-17, and 0 stands before the first.")
            }
            guard state.readers.count < Self.mostReaders else {
                throw ControllerError(
                    .queueFull,
                    "\(Self.mostReaders) clients follow the events already, which is the most there may be. End one of them.",
                    retryAfter: .seconds(10))
            }
            state.lastReader += 1
            state.readers[state.lastReader] = Reader(number: number, wakes: wakes)
            if state.isClosed { wakes.finish() }
            return state.lastReader
        }
        return EventReader(feed: self, number: number, wakes: stream, waker: wakes)
    }

    /// No more events come: readers end when they have what is here.
    public func close() {
        state.withLock { state in
            state.isClosed = true
            for reader in state.readers.values { reader.wakes.finish() }
        }
    }

    /// - Returns: nil: there is nothing new.
    fileprivate func next(for reader: Int) -> EventBatch? {
        state.withLock { state in
            guard let seen = state.readers[reader]?.number else { return nil }
            let batch = state.history.batch(after: seen, limit: Self.batchLimit)
            state.readers[reader]?.number = batch.lastNumber
            return batch.isEmpty ? nil : batch
        }
    }

    fileprivate func leave(_ reader: Int) { state.withLock { $0.readers[reader] = nil } }
}

/// One that follows the events, for one task. Its place is free again when it is released.
public final class EventReader: Sendable {
    enum Wake {
        case news
        case beat
    }

    public enum Step: Sendable, Equatable {
        case events(EventBatch)
        /// `beat` was called, and nothing has happened.
        case beat
    }

    private let feed: EventFeed
    private let number: Int
    private let wakes: AsyncStream<Wake>
    private let waker: AsyncStream<Wake>.Continuation

    fileprivate init(
        feed: EventFeed, number: Int, wakes: AsyncStream<Wake>, waker: AsyncStream<Wake>.Continuation
    ) {
        self.feed = feed
        self.number = number
        self.wakes = wakes
        self.waker = waker
    }

    deinit { feed.leave(number) }

    /// Waits for what is new. Nil: the feed is closed, or the task was cancelled.
    public func next() async -> Step? {
        if let batch = feed.next(for: number) { return .events(batch) }
        for await wake in wakes {
            if let batch = feed.next(for: number) { return .events(batch) }
            if wake == .beat { return .beat }
        }
        return Task.isCancelled ? nil : feed.next(for: number).map(Step.events)
    }

    /// Lets `next` return even if nothing is new.
    public func beat() { waker.yield(.beat) }
}
