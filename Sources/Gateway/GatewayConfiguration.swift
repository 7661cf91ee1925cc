/// What the gateway needs to know before it starts.
public struct GatewayConfiguration: Sendable {
    /// The address to listen on.
    public var host: String
    /// The TCP port to listen on; 0 for any free one.
    public var port: Int
    /// The Unix socket of the management app: everything goes there that is not for an engine.
    public var managementSocketPath: String
    /// The largest body of a request to an engine, in bytes.
    public var bodyLimit: Int
    /// What the bodies of all requests that have no answer yet may hold together, in bytes.
    public var bufferedBytesLimit: Int

    /// How long a client may read nothing while there is more for it than fits on the way: it holds an engine's permit.
    public var stallLimit: Duration

    public init(
        host: String, port: Int, managementSocketPath: String, bodyLimit: Int, bufferedBytesLimit: Int,
        stallLimit: Duration = .seconds(120)
    ) {
        self.host = host
        self.port = port
        self.managementSocketPath = managementSocketPath
        self.bodyLimit = bodyLimit
        self.bufferedBytesLimit = bufferedBytesLimit
        self.stallLimit = stallLimit
    }
}
