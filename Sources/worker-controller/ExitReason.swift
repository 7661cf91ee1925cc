import ArgumentParser
import ControllerConfiguration
import Scheduling

/// What the process tells its caller at its end.
enum ExitReason: Int32, CaseIterable {
    case ok = 0
    case failed = 1
    case unreachable = 3
    case refused = 4
    case configuration = 5
    /// ArgumentParser's own.
    case usage = 64

    var meaning: String {
        switch self {
        case .ok: "done"
        case .failed: "failed: the controller or an engine could not do it"
        case .unreachable: "no controller answers at the address"
        case .refused: "refused by the controller, as an unknown model is"
        case .configuration: "the config has mistakes"
        case .usage: "wrong arguments"
        }
    }

    /// All of them, one a line.
    static var table: String {
        allCases.map { status in
            let number = String(status.rawValue)
            return "  \(String(repeating: " ", count: 2 - number.count))\(number)  \(status.meaning)"
        }.joined(separator: "\n")
    }

    /// Absent for errors that ArgumentParser knows best how to report: its own.
    init?(of error: any Error) {
        switch error {
        case ClientError.unreachable: self = .unreachable
        case ClientError.answered(let status, _): self = (400..<500).contains(status) ? .refused : .failed
        case is ConfigurationErrors: self = .configuration
        case is ClientError, is ControllerError: self = .failed
        default: return nil
        }
    }
}
