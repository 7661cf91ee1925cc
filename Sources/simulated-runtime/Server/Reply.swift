import NIOHTTP1

/// What the server answers to one request.
enum Reply {
    case whole(status: HTTPResponseStatus, json: String)
    case completion(Completion)
    case stream(Completion, includesUsage: Bool)

    /// An error as vLLM tells it.
    static func error(_ status: HTTPResponseStatus, _ type: String, _ message: String) -> Reply {
        let error =
            #"{"error":{"message":\#(JSONText.string(message)),"type":"\#(type)","param":null,"code":\#(status.code)}}"#
        return .whole(status: status, json: error)
    }

    static func badRequest(_ message: String) -> Reply {
        .error(.badRequest, "BadRequestError", message)
    }
}
