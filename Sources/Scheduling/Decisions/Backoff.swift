/// The pause after failures in a row: 1 s, 2 s, 4 s, ... up to a minute.
public struct Backoff: Sendable, Equatable {
    public private(set) var failures = 0
    /// Nothing is tried before this moment.
    public private(set) var notBefore: Moment?
    private static let longest = Duration.seconds(60)

    public init() {}

    public mutating func failed(at now: Moment) {
        failures += 1
        notBefore = now + min(.seconds(1 << min(failures - 1, 6)), Self.longest)
    }

    public mutating func succeeded() { self = Backoff() }

    /// How long it still pauses; nil when it does not.
    public func remaining(at now: Moment) -> Duration? {
        guard let notBefore, now < notBefore else { return nil }
        return notBefore - now
    }
}
