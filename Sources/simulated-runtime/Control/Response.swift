import ControlProtocol

/// What a process does with a request of its controller.
enum Response: Sendable {
    case now(ControlMessage)
    /// The answer, and what begins once it is written: even if that ends the process, the answer has been given.
    case nowAndBegin(ControlMessage, @Sendable () async -> Void)
    /// It takes a while: other requests are answered meanwhile. If it gives nil there is never an answer.
    case later(@Sendable () async -> ControlMessage?)
    /// This role does not take the request.
    case notTaken

    static func failed(_ id: Int, _ reason: String) -> Response {
        .now(.failed(Failed(re: id, reason: reason)))
    }
}
