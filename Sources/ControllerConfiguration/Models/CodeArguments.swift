/// Arguments that name code which the engine is to run. The author of the config may give them; who asks for an engine, only
/// where models may run code of their own.
enum CodeArguments {
    private static let names: Set = [
        "worker-cls", "worker-extension-cls", "scheduler-cls", "logits-processors", "middleware", "tool-parser-plugin",
        "reasoning-parser-plugin", "io-processor-plugin", "model-class-overrides", "kv-transfer-config",
        "ec-transfer-config",
    ]

    static func check(_ name: String, _ value: NodeReader) {
        guard names.contains(String(name.prefix { $0 != "." })) else { return }
        value.refuse(
            "\(value.setting) names code that the engine would run",
            "leave it out, or set 'allow_trust_remote_code: true' in the config if you trust all who can ask for engines"
        )
    }
}
