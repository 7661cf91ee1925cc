/// Arguments of vLLM's server that only the controller may give: where an engine listens and what it is made of.
enum OwnedArguments {
    /// What to use in place of the argument; nil if it may be given.
    static func remedy(for key: String) -> String? {
        if let remedy = remedies[key] { return remedy }
        return families.first { key.hasPrefix($0.prefix) }?.remedy
    }

    private static let listening = "leave it out: clients reach every model through 'listen'"
    private static let oneProcess = "leave it out: an engine is one server"

    private static let remedies = [
        "host": listening,
        "port": listening,
        "uds": listening,
        "grpc": listening,
        "grpc-port": listening,
        "root-path": listening,
        "api-key": "use 'api_keys' at the top of the file",
        "served-model-name": "use the model's name and its 'aliases'",
        "model": "use 'path'",
        "distributed-executor-backend": "use 'executor'",
        "tensor-parallel-size": "use 'tensor_parallel_size'",
        "pipeline-parallel-size": oneProcess,
        "nnodes": oneProcess,
        "node-rank": oneProcess,
        "master-addr": oneProcess,
        "master-port": oneProcess,
        "headless": oneProcess,
        "api-server-count": oneProcess,
        "device-ids": "use 'devices' at the top of the file",
        "config": "write its settings under 'arguments'",
        "enable-ssl-refresh": "use 'tls' at the top of the file",
    ]

    private static let families = [
        (prefix: "ssl-", remedy: "use 'tls' at the top of the file"),
        (prefix: "data-parallel-", remedy: oneProcess),
    ]
}
