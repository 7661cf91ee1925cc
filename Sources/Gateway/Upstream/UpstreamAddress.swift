import Scheduling

/// Where a request can be relayed to.
enum UpstreamAddress: Hashable {
    /// The front end of an engine. The generation is part of it: a later engine may have the same path.
    case engine(socketPath: String, Generation)
    case management(socketPath: String)

    init(_ route: EngineRoute) { self = .engine(socketPath: route.socketPath, route.generation) }

    var socketPath: String {
        switch self {
        case .engine(let socketPath, _), .management(let socketPath): socketPath
        }
    }

    /// Whether connections are kept for the next request. Management is too rare to be worth it, and not every request
    /// to it may be sent twice because a kept connection had ended.
    var isKept: Bool {
        if case .engine = self { true } else { false }
    }
}
