/// Where clients reach the gateway.
public struct PublicAddress: Sendable, Equatable {
    /// A name or an address, an IPv6 one without brackets.
    public let host: String
    public let port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// The base of the OpenAI surface, as an OpenAI client wants it.
    var openAIBase: String {
        "http://\(host.contains(":") ? "[\(host)]" : host):\(port)/v1"
    }
}
