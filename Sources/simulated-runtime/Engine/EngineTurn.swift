import ControlProtocol

/// What the controller may want of a front end that serves, or that did.
enum EngineTurn: Sendable {
    case sleep
    case wake
    case park
    case unpark

    /// Whether it makes sense where the engine stands so.
    func isPossible(in service: Vitals.Service) -> Bool {
        switch self {
        case .sleep, .wake: service == .ready || service == .asleep
        case .park: service == .ready
        case .unpark: service == .parked
        }
    }

    /// Where the engine stands then. While it is not ready, the server refuses requests: the controller sends none.
    var service: Vitals.Service {
        switch self {
        case .sleep: .asleep
        case .park: .parked
        case .wake, .unpark: .ready
        }
    }
}
