import Scheduling

/// Why a client command did not get what it asked for.
enum ClientError: Error, Equatable {
    case unreachable(ControllerAddress)
    /// The controller, or an engine behind it, answered with an error.
    case answered(httpStatus: Int, OpenAIErrorBody.Details)
    /// Anything else, in words.
    case failed(String)
}

extension ClientError: CustomStringConvertible {
    var description: String {
        switch self {
        case .unreachable(let address):
            "no controller at \(address): start one with `worker-controller serve`, or name it with --address"
        case .answered(_, let details): details.message
        case .failed(let message): message
        }
    }
}
