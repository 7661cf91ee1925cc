/// The last events, numbered from 1 on. Older ones are forgotten.
public struct EventHistory: Sendable {
    public let epoch: Int
    public let capacity: Int
    /// Of the newest event; 0: there was none.
    public private(set) var lastNumber = 0
    /// The event of number n is at (n - 1) modulo the capacity.
    private var entries: [RecordedEvent] = []

    public init(epoch: Int, capacity: Int) {
        self.epoch = epoch
        self.capacity = capacity
    }

    /// - Parameter time: in seconds since 1970.
    public mutating func append(_ event: ControllerEvent, at time: Double) {
        lastNumber += 1
        let entry = RecordedEvent(id: "\(epoch)-\(lastNumber)", time: time, event: event)
        if entries.count < capacity { entries.append(entry) } else { entries[(lastNumber - 1) % capacity] = entry }
    }

    /// The number that an id stands for. One of an earlier life of the controller stands before the first event of this one,
    /// and so does `0`.
    ///
    /// - Returns: nil: it is no id.
    public func number(of id: String) -> Int? {
        if id == "0" { return 0 }
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let epoch = Int(parts[0]), let number = Int(parts[1]), number >= 0 else { return nil }
        return epoch == self.epoch ? min(number, lastNumber) : 0
    }

    /// What comes after an event: at most `limit` events, and how many before them are forgotten.
    public func batch(after number: Int, limit: Int) -> EventBatch {
        let first = max(number, lastNumber - entries.count)
        let last = min(lastNumber, first + limit)
        return EventBatch(
            missed: first - number, events: (first..<last).map { entries[$0 % capacity] }, lastNumber: last)
    }
}

/// Events for one reader.
public struct EventBatch: Sendable, Equatable {
    /// Events before these that are forgotten: the reader was too slow.
    public let missed: Int
    public let events: [RecordedEvent]
    /// Where the next batch begins.
    let lastNumber: Int

    var isEmpty: Bool { missed == 0 && events.isEmpty }
}
