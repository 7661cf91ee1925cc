/// What one frame of a peer held. None of these ends the connection; what does is a `FrameError`.
public enum IncomingFrame: Sendable, Equatable {
    case message(ControlMessage)
    /// A type that this version does not know; to be answered with `error`.
    case unknownType(type: String, id: Int?)
    /// A known type with fields missing or wrong; to be answered with `error`.
    case malformed(type: String, id: Int?, reason: String)

    /// The answer that the protocol wants for a frame that was not understood; nil for one that was.
    ///
    /// A request that may fail (`fork`, `assign`, `prepare` and the like) and makes no sense has `failed`, a
    /// `lease.request` has `lease.refused`; everything else has `error`. An `error` that was not understood is not
    /// answered, so that two peers never answer each other for ever.
    public var refusal: ControlMessage? {
        switch self {
        case .message, .malformed(type: "error", _, _):
            nil
        case .unknownType(let type, let id):
            .error(ProtocolError(re: id, reason: "unknown type '\(type)'"))
        case .malformed(type: "lease.request", let id?, let reason):
            .leaseRefused(LeaseRefused(re: id, reason: "'lease.request' is malformed: \(reason)"))
        case .malformed(let type, let id?, let reason) where Self.fallible.contains(type):
            .failed(Failed(re: id, reason: "'\(type)' is malformed: \(reason)"))
        case .malformed(let type, let id, let reason):
            .error(ProtocolError(re: id, reason: "'\(type)' is malformed: \(reason)"))
        }
    }

    private static let fallible: Set = [
        "fork", "assign", "prepare", "sleep", "wake", "park", "unpark", "lease", "reset", "lease.release",
        "lease.revoke",
    ]
}
