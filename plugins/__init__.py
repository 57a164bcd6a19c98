"""Features and providers, one module or package each: plugins like any third party's."""
